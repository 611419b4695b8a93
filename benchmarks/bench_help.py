"""``thyrodata --help`` against a bare typer app with as many commands: CPU seconds, many runs by turns."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 30
BARE = """
import typer
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
{commands}
app()
"""
COMMAND = """
@app.command("c{i}")
def c{i}(name: str, flag: bool = False, count: int = 1) -> None:
    "Do one thing."
"""


def cpu_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands_of_thyrodata() -> int:
    from typer.main import get_command  # noqa: PLC0415

    from thyrodata.cli import app  # noqa: PLC0415

    top = get_command(app).commands.values()  # type: ignore[attr-defined]
    return sum(len(getattr(command, "commands", {})) or 1 for command in top)


def main() -> None:
    count = commands_of_thyrodata()
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE.format(commands="".join(COMMAND.format(i=i) for i in range(count))))
        jobs = {
            "bare": [sys.executable, str(bare), "--help"],
            "thyrodata": [sys.executable, "-m", "thyrodata", "--help"],
        }
        took: dict[str, list[float]] = {job: [] for job in jobs}
        for _ in range(ROUNDS):
            for job, command in jobs.items():
                took[job].append(cpu_seconds(command))
    medians = {job: statistics.median(seconds) for job, seconds in took.items()}
    for job, seconds in medians.items():
        print(f"{job:10} {1000 * seconds:6.1f} ms CPU, median of {ROUNDS}")
    print(f"{count} commands: thyrodata / bare = {medians['thyrodata'] / medians['bare']:.2f} (target 1.3)")


if __name__ == "__main__":
    main()

"""pandas stays out of the project's own processes, and is there for whoever asks for a frame."""

import json
import subprocess
import sys

COMMAND = """
import json, sys
from thyrodata.cli import main
sys.argv = ["thyrodata", *sys.argv[1:]]
try:
    main()
finally:
    print()
    print(json.dumps(["pyarrow" in sys.modules, "pandas" in sys.modules]))
"""

WORKERS = """
import json, sys
from thyrodata.pool import mapped

def loaded(number):
    import thyrodata.io.columns, pyarrow
    pyarrow.array([number])
    return "pandas" in sys.modules

if __name__ == "__main__":
    with mapped(loaded, [(1,), (2,)], 2) as results:
        print(json.dumps(list(results)))
"""

FRAME = """
import json, sys
from thyrodata import Dataset
from thyrodata.io.dataframes import no_series_come
no_series_come()
dataset = Dataset(sys.argv[1])
rows, before = dataset.table().num_rows, "pandas" in sys.modules
frame = dataset.to_pandas()
import pandas, pyarrow
nulls = pyarrow.array(pandas.Series([1.0, float("nan")])).null_count
print(json.dumps([before, len(frame) == rows, nulls]))
"""

LIBRARY = """
import json
import thyrodata.io.columns, pandas, pyarrow
print(json.dumps(pyarrow.array(pandas.Series([1.0, float("nan")])).null_count))
"""


def said_by(tmp_path, script, *arguments):
    """Run a script in an interpreter of its own; return what it prints last, from JSON."""
    path = tmp_path / "script.py"
    path.write_text(script)
    command = [sys.executable, path, *arguments]
    return json.loads(
        subprocess.run(command, check=False, capture_output=True, text=True).stdout.splitlines()[-1]
    )


def test_a_command_that_reads_and_writes_records_loads_no_pandas(release, tmp_path):
    assert said_by(tmp_path, COMMAND, "convert", "ddti", release, "-o", tmp_path / "made") == [True, False]
    assert (tmp_path / "made/manifest.json").is_file()


def test_workers_load_no_pandas(tmp_path):
    assert said_by(tmp_path, WORKERS) == [False, False]


def test_a_frame_is_made_where_pandas_was_put_off_and_series_are_known_from_then_on(converted, tmp_path):
    assert said_by(tmp_path, FRAME, converted) == [False, True, 1]


def test_in_the_processes_of_others_pyarrow_knows_a_series_from_the_start(tmp_path):
    assert said_by(tmp_path, LIBRARY) == 1

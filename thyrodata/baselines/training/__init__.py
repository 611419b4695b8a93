"""Training: one loop for every task. Importing this package loads no torch; its modules do, but ``settings``.

``run.train`` trains, ``predicting.predict`` applies what was trained; ``task`` says what a task promises.
"""

from __future__ import annotations

__all__: list[str] = []

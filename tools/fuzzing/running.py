"""Runs the fuzzer in a process of its own."""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tools.fuzzing.seeds import MAX_BYTES, seeds

ROOT = Path(__file__).parents[2]
CRASHES = ROOT / "fuzz-crashes"
"""Where inputs are kept that crashed or went over a limit."""
HANG_SECONDS = 60


@dataclass(frozen=True)
class Result:
    """What fuzzing came to.

    Attributes:
        inputs: Inputs tried.
        seconds: Time it took.
        code: How the fuzzer ended: 0 if no input crashed or went over a limit; below 0 if a signal
            ended it, for example another program's.
        output: The end of what the fuzzer wrote.
    """

    inputs: int
    seconds: int
    code: int
    output: str

    @property
    def sound(self) -> bool:
        """Whether no input crashed or went over a limit."""
        return self.code == 0

    @property
    def told(self) -> str:
        """What happened, as a sentence."""
        found = "no crash, none over the limits" if self.sound else f"one failed, see {CRASHES}"
        if self.code < 0:
            found = f"the fuzzer was ended by signal {-self.code}"
        return f"{self.inputs} inputs tried in {self.seconds} s: {found}"


def fuzzed(seconds: int, seed: int = 0) -> Result:
    """Fuzz for ``seconds``, from the same seeds every time.

    Args:
        seconds: How long.
        seed: Of what is drawn; 0: another each time.
    """
    CRASHES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for index, data in enumerate(seeds()):
            (Path(folder) / str(index)).write_bytes(data)
        command = [
            *(sys.executable, "-W", "ignore", "-m", "tools.fuzzing.target", folder),
            *(f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={MAX_BYTES}"),
            *(f"-timeout={HANG_SECONDS}", "-rss_limit_mb=4096", "-len_control=0"),
            *(f"-artifact_prefix={CRASHES}/", "-print_final_stats=1"),
        ]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    if not any(CRASHES.iterdir()):
        CRASHES.rmdir()
    tried = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    return Result(
        inputs=int(tried[1]) if tried else 0,
        seconds=seconds,
        code=done.returncode,
        output=done.stderr[-5000:],
    )

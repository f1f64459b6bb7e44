import os
import subprocess
import sys


def test_help_does_not_wait_for_torch():
    code = "import sys, service.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_shell_completes_commands():
    code = "import sys; sys.argv = ['abair']; from service.__main__ import main; main()"
    words = {"_ABAIR_COMPLETE": "complete_bash", "COMP_WORDS": "abair adapter ", "COMP_CWORD": "2"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **words},
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(ended.stdout.split()) >= {"new", "preview", "train", "add", "list", "remove"}

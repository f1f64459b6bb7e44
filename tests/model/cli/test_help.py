import subprocess
import sys


def test_help_does_not_wait_for_torch():
    code = "import sys, service.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

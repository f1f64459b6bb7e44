"""Fuzz for a number of seconds, and print what was tried."""

import sys

from tools.fuzzing.running import fuzzed


def main() -> None:
    """Fuzz, and end with 1 if an input crashed or went over its limits."""
    result = fuzzed(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
    print(result.told)
    if not result.sound:
        print(result.output)
        raise SystemExit(1)


if __name__ == "__main__":
    main()

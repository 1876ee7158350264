"""`python -m shotclock_deployment.health URL`: ends with 0 if the address answers with 200. The image has no curl."""

import sys
import urllib.error
import urllib.request

_TIMEOUT = 10.0


def main(url: str) -> int:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=_TIMEOUT) as answer:
            found = int(answer.status)
    except (urllib.error.URLError, OSError) as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1
    return 0 if found == 200 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

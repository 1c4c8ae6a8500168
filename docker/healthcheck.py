"""Ask the site in this container whether it is alive: the exit status is 0 if it is.

`/healthz` is asked for by the first of ALLOWED_HOSTS, since Django answers no other name.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException


def main() -> int:
    name = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip().lstrip(".")
    connection = HTTPConnection("127.0.0.1", int(os.environ.get("PORT", "8000")), timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost" if name in {"", "*"} else name})
        answer = connection.getresponse()
    except (OSError, HTTPException) as error:
        print(f"The site does not answer: {error}", file=sys.stderr)
        return 1
    finally:
        connection.close()
    if answer.status != 200:
        print(f"/healthz answers {answer.status}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make kafka`: one broker, its address on the screen, until Ctrl-C."""

import signal
import sys
import tempfile
from pathlib import Path

from tests.support.kafka import KafkaUnavailable, find_broker


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="changhu-kafka-") as folder, find_broker(Path(folder)) as broker:
            print(f"Kafka: {broker.bootstrap} ({broker.how}); Ctrl-C stops it", flush=True)
            signal.pause()
    except KafkaUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.kit.short_leases alert ...` is `tocsin alert ...` with leases of seconds, to be waited out.

What the product promises stays: a lease is longer than a send may last.
"""

import sys
from unittest import mock

LEASE, ONE_SEND = 8.0, 4.0


def main() -> int:
    """Run the verb."""
    from tests.kit import cluster

    with (
        mock.patch("tocsin.bootstrap_cluster.LEASE_SECONDS", LEASE),
        mock.patch("tocsin.bootstrap_cluster.ONE_SEND", ONE_SEND),
        mock.patch("storage.elasticsearch.leases.LeasedOutbox.__init__.__kwdefaults__", {"lease_seconds": LEASE}),
        mock.patch("alerting.delivery.ONE_SEND", ONE_SEND),
    ):
        return cluster.main()


if __name__ == "__main__":
    sys.exit(main())

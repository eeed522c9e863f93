"""Spares the tests minutes of the provider waiting for what is gone already. Imported by emulator.py alone, where asked.

Before its first look at a deletion the provider pauses for half a minute or a whole one, but not where AWS answers that
there is nothing to delete. So a deletion is done here, and then answered as if somebody else had been quicker. That is
not what AWS says: with --full nobody asks for it.
"""

from __future__ import annotations

from moto.rds.exceptions import DBInstanceNotFoundError, SubscriptionNotFoundError
from moto.rds.responses import RDSResponse

from .emulator_gaps import wrapping


def hurry() -> None:
    """From now on."""

    @wrapping(RDSResponse, "delete_db_instance")
    def instance_was_gone_already(original, self):
        original(self)
        raise DBInstanceNotFoundError(self.params["DBInstanceIdentifier"])

    @wrapping(RDSResponse, "delete_event_subscription")
    def subscription_was_gone_already(original, self):
        original(self)
        raise SubscriptionNotFoundError(self.params["SubscriptionName"])

"""How often somebody may try to sign in: a few times at once, then more and more slowly."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

from headrace.api.errors import ApiError
from headrace.ports import Clock

WINDOW = 15 * 60.0  # seconds after which a try is forgotten
LONGEST_WAIT = 5 * 60.0
_KEYS = 10_000  # remembered; then those that tried the longest ago are forgotten


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many tries within `WINDOW` need no waiting."""

    account: int = 5
    address: int = 20  # many people may share one


class TooManyTries(ApiError):
    status, code = 429, "too_many_tries"

    def __init__(self, wait: float) -> None:
        seconds = math.ceil(wait)
        super().__init__(
            f"There were too many tries. Try again in {seconds} seconds.", headers={"retry-after": str(seconds)}
        )


class Tries:
    """Counts tries per account and per address, in memory. Each counts as failed until `succeeded` takes it back."""

    def __init__(self, clock: Clock, allowance: Allowance = Allowance()) -> None:
        self._clock = clock
        self._allowance = allowance
        self._tries: OrderedDict[str, list[float]] = OrderedDict()

    def take(self, address: str, account: str = "") -> None:
        """Count a try, of an account or of none in particular. Raises `TooManyTries`, and then counts nothing."""
        now = self._clock.monotonic()
        keys = self._keys(address, account)
        wait = max(self._wait(key, free, now) for key, free in keys.items())
        if wait > 0:
            raise TooManyTries(wait)
        for key in keys:
            self._tries.setdefault(key, []).append(now)
            self._tries.move_to_end(key)
        while len(self._tries) > _KEYS:
            self._tries.popitem(last=False)

    def succeeded(self, address: str, account: str = "") -> None:
        """Forget the tries of the account; of the address only this one, for somebody may guess beside it."""
        of_address, *of_account = self._keys(address, account)
        for key in of_account:
            self._tries.pop(key, None)
        if tries := self._tries.get(of_address):
            tries.pop()

    def _keys(self, address: str, account: str) -> dict[str, int]:
        keys = {f"address {_network(address)}": self._allowance.address}
        return keys | {f"account {account.casefold()}": self._allowance.account} if account else keys

    def _wait(self, key: str, free: int, now: float) -> float:
        """Seconds until the next try: none at first, then 1, 2, 4 … after the last."""
        tries = [moment for moment in self._tries.get(key, []) if moment > now - WINDOW]
        if not tries:
            self._tries.pop(key, None)
            return 0.0
        self._tries[key] = tries
        over = len(tries) - free
        return 0.0 if over < 0 else tries[-1] + min(LONGEST_WAIT, 2.0 ** min(over, 30)) - now


def _network(address: str) -> str:
    """What one customer of a provider has: an IPv4 address, or a /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return address
    return str(ipaddress.ip_network((parsed.packed, 64), strict=False))

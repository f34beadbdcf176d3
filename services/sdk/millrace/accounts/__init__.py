"""People's accounts on an installation without a cluster: one file, which the commands and the console change."""

from millrace.accounts.passwords import Unfit
from millrace.accounts.store import LONGEST_DAYS, Accounts, Refused

__all__ = ["LONGEST_DAYS", "Accounts", "Refused", "Unfit"]

"""The audit: what is looked over besides the ledger, and signed heads that leave the house."""

"""The ledger of a service: each covered row that is written leaves its digest there, linked by hashes."""

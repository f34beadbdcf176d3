"""Pages of backtests: what a loop would have done on past days."""

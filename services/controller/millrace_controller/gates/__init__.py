"""Whether a candidate may be promoted: pure judgement."""

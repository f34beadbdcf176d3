"""Lets monitoring tell people of loops, says itself what cannot go on, and shows how the telling goes."""

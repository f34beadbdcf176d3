"""One request, as an auditor asks for it: its rows, answers and labels."""

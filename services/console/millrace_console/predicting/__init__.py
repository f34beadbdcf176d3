"""A row that is predicted in a form."""

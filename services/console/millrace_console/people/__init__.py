"""Who is signed in: sessions, their cookie, and what guards a page or an action."""

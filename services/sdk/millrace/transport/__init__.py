"""What the blocking and the asynchronous client share: addresses, tokens, requests, answers and errors."""

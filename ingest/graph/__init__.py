"""What Facebook and Instagram have in common: the Graph API, its errors, limits, tokens, lists and webhooks."""

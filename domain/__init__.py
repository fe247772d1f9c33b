"""The words of the trade as immutable values. Everything else imports this package; it imports no service."""

"""Ends are told to addresses, by signed POSTs: Standard Webhooks, https://www.standardwebhooks.com."""

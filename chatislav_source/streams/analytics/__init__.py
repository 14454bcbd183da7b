"""Analytics: the totals of single days."""

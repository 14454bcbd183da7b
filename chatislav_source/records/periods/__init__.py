"""The totals of periods: weeks, months, quarters and trailing days."""

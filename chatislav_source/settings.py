"""Constants: the limits of the API and our defaults, each with its unit and its reason."""

from __future__ import annotations

BASE_URL = "https://chatislav.ai/api/v1"
CONVERSATIONS_PATH = "/conversations"
ANALYTICS_PATH = "/analytics"
PATHS = (CONVERSATIONS_PATH, ANALYTICS_PATH)

MAX_PAGE_SIZE = 100  # conversations; the API allows 1 to 100
MIN_PAGE_SIZE = 12  # conversations; a page this small that still fails will not get better
ANALYTICS_CHANNELS = (
    "all",
    "widget",
    "whatsapp",
    "facebook",
    "instagram",
    "viber",
    "telegram",
    "outlook",
    "zendesk",
)

DEFAULT_HISTORY_DAYS = 90  # days before today, where no start_date is given
LOOKBACK_DAYS_BY_ACTIVITY = 2  # days; enough once from/to are proven to filter on activity
LOOKBACK_DAYS = 30  # days; a conversation may be changed this long after it was created
ANALYTICS_LOOKBACK_DAYS = 7  # days; totals of a day still change after it
CLOCK_MARGIN_SECONDS = 900  # seconds; how far our clock and the API's may be apart
ZONE_MARGIN_DAYS = 1  # days; the zone of from/to is not documented, and zones are < 24 h apart

MAX_CONCURRENCY = 8  # requests in flight
MOST_CONCURRENCY = 64  # requests in flight, whatever is asked for; each takes a thread
START_CONCURRENCY = 2  # requests in flight before the first answers came
CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 60.0  # a page of long conversations may take its time
TRIES = 8  # of one request; with the waits below about a minute
TRIES_BEFORE_SMALLER_PAGES = 4  # a page that fails this often may be too large
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 20.0
LONGEST_RETRY_AFTER_SECONDS = 300.0  # a server that asks for more is not waited for

ROWS_PER_WINDOW = 1000  # rows; ten pages: windows stay parallel, and a restart stays cheap
FIRST_WINDOW_DAYS = 8  # days; few requests if an unknown bot is quiet, enough at once if not
MAX_WINDOW_DAYS = 32  # days; a month with its margins is one window for a quiet bot
MAX_USELESS_PAGES = 20  # in a row that bring nothing new, each with a good page token
MAX_READINGS = 3  # of a window that shifts while it is read, before it is split
MAX_VERIFICATIONS = 3  # rounds of reading again what conversations moved out of
MAX_TOKEN_RESTARTS = 5  # of one window whose page token is refused
MAX_DIGESTS = 4000  # conversations per bot that are remembered as loaded; 64 kB of state

CHUNK_BYTES = 512 * 1024 * 1024  # of JSON in one load; it is on disk while it grows
MERGED_CHUNK_BYTES = 128 * 1024 * 1024  # of JSON, where a load replaces rows: joins need memory
CHUNK_SECONDS = 10.0  # the most reading that a crash repeats; each load costs 0.3 s of its own
LEAST_CHUNK_BYTES = 32 * 1024 * 1024  # of JSON; less is not worth a load of its own
LULL_SECONDS = 0.3  # with few requests to send: then what is there can be loaded meanwhile
LOAD_SECONDS = 0.5  # that a load takes, as long as none was seen
READ_PER_LOAD = 3.0  # seconds of reading for each of loading, where both go on at once
APPEND_FROM_ROWS = 5_000  # rows of a table in one load; fewer are merged as quickly
GROUP_BYTES = 8 * 1024 * 1024  # of JSON made into one Arrow table
BUFFER_BYTES = 24 * 1024 * 1024  # of JSON fetched ahead while a chunk is loading

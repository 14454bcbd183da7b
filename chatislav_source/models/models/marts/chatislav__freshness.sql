{{ config(materialized=var('chatislav_materialized', 'view')) }}

select
    bot_id,
    min(day) as first_day,
    max(day) as last_day,
    max(last_activity) as last_activity,
    max(synced_at) as last_row_written_at,
    count(*) as conversations
from {{ ref('stg_chatislav__conversations') }}
group by bot_id

{{ config(materialized=var('chatislav_materialized', 'view')) }}

with counted as (

    select
        bot_id,
        day,
        channel,
        cast(extract(hour from started_local) as bigint) as hour,
        count(*) as conversations,
        count(case when resolution_status = 'resolved' then 1 end) as resolved_conversations,
        count(case when human_takeover then 1 end) as taken_over_conversations
    from {{ ref('stg_chatislav__conversations') }}
    group by 1, 2, 3, 4

)

select
    {{ chatislav.key(['bot_id', 'day', 'hour', 'channel']) }} as hour_key,
    bot_id,
    day,
    {{ chatislav.weekday_of('day') }} as weekday,
    hour,
    channel,
    conversations,
    resolved_conversations,
    taken_over_conversations
from counted

{{ config(materialized=var('chatislav_materialized', 'view')) }}

with contact_days as (

    select
        bot_id,
        day,
        channel,
        contact_key,
        count(*) as conversations
    from {{ ref('stg_chatislav__conversations') }}
    where contact_key is not null
    group by bot_id, day, channel, contact_key

),

with_first_day as (

    select
        *,
        min(day) over (partition by bot_id, contact_key) as first_day
    from contact_days

)

select
    {{ chatislav.key(['bot_id', 'day', 'channel', 'contact_key']) }} as contact_day_key,
    {{ chatislav.key(['bot_id', 'contact_key']) }} as bot_contact_key,
    bot_id,
    day,
    channel,
    contact_key,
    conversations,
    first_day,
    {{ chatislav.flag("day = first_day") }} as is_first_day
from with_first_day

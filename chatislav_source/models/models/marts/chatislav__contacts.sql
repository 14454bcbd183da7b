{{ config(materialized=var('chatislav_materialized', 'view')) }}

with conversations as (

    select
        *,
        row_number() over (
            partition by bot_id, contact_key order by started_at desc, session_id desc
        ) as newest_first
    from {{ ref('stg_chatislav__conversations') }}
    where contact_key is not null

)

select
    {{ chatislav.key(['bot_id', 'contact_key']) }} as bot_contact_key,
    bot_id,
    contact_key,
    min(contact_key_kind) as contact_key_kind,
    min(started_at) as first_seen_at,
    max(coalesce(last_activity, started_at)) as last_seen_at,
    min(day) as first_day,
    max(day) as last_day,
    count(*) as conversations,
    count(case when resolution_status = 'resolved' then 1 end) as resolved_conversations,
    count(case when human_takeover then 1 end) as taken_over_conversations,
    count(distinct channel) as channels,
    count(distinct day) as active_days,
    max(case when newest_first = 1 then channel end) as last_channel,
    max(case when newest_first = 1 then resolution_status end) as last_resolution_status
from conversations
group by bot_id, contact_key

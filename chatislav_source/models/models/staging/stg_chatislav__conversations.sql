with conversations as (

    select * from {{ source('chatislav', 'conversations') }}

),

started as (

    select
        *,
        -- a conversation without a readable start is still a conversation of some day
        coalesce(created_at, last_activity, synced_at) as started_at
    from conversations

)

select
    {{ chatislav.key(['bot_id', 'session_id']) }} as conversation_key,
    bot_id,
    session_id,
    coalesce(channel, 'unknown') as channel,
    created_at,
    last_activity,
    started_at,
    {{ chatislav.local_time('started_at') }} as started_local,
    cast({{ chatislav.local_time('started_at') }} as date) as day,
    resolution_status,
    summary__resolution_status as summary_resolution_status,
    summary__sentiment as sentiment,
    human_takeover,
    helpful,
    feedback_comment,
    coalesce(nullif(contact__phone_number, ''), nullif(contact__ip_address, '')) as contact_key,
    case
        when nullif(contact__phone_number, '') is not null then 'phone'
        when nullif(contact__ip_address, '') is not null then 'ip'
    end as contact_key_kind,
    message_count,
    synced_at
from started

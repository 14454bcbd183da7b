{{ config(materialized=var('chatislav_materialized', 'view')) }}

{%- set business_hours = var('chatislav_business_hours', [9, 17]) %}

with conversations as (

    select
        *,
        lead(started_at) over (
            partition by contact_key, bot_id order by started_at, session_id
        ) as next_started_at
    from {{ ref('stg_chatislav__conversations') }}

),

joined as (

    select
        conversations.*,
        cast(extract(hour from conversations.started_local) as bigint) as hour,
        {{ chatislav.weekday_of('conversations.day') }} as weekday,
        {{ chatislav.monday_of('conversations.day') }} as week,
        coalesce(facts.stored_messages, 0) as stored_messages,
        coalesce(facts.user_messages, 0) as user_messages,
        coalesce(facts.assistant_messages, 0) as assistant_messages,
        coalesce(facts.other_messages, 0) as other_messages,
        facts.last_role,
        facts.first_response_seconds,
        facts.time_to_human_seconds,
        {{ chatislav.seconds_between('conversations.created_at', 'conversations.last_activity') }}
            as duration_seconds,
        case when conversations.contact_key is not null then
            {{ chatislav.seconds_between(
                'coalesce(conversations.last_activity, conversations.started_at)',
                'conversations.next_started_at'
            ) }}
        end as seconds_to_next_contact
    from conversations
    left join {{ ref('int_chatislav__conversation_messages') }} as facts
        on
            conversations.bot_id = facts.bot_id
            and conversations.session_id = facts.session_id
            and conversations.day = facts.day

)

select
    conversation_key,
    bot_id,
    session_id,
    channel,
    created_at,
    last_activity,
    started_at,
    started_local,
    day,
    week,
    weekday,
    hour,
    resolution_status,
    summary_resolution_status,
    sentiment,
    human_takeover,
    helpful,
    feedback_comment,
    contact_key,
    contact_key_kind,
    message_count,
    stored_messages,
    user_messages,
    assistant_messages,
    other_messages,
    last_role,
    first_response_seconds,
    time_to_human_seconds,
    duration_seconds,
    seconds_to_next_contact,
    {{ chatislav.own_flag('is_resolved') }},
    {{ chatislav.own_flag('is_unresolved') }},
    {{ chatislav.own_flag('is_decided') }},
    {{ chatislav.own_flag('is_taken_over') }},
    {{ chatislav.own_flag('is_deflected') }},
    {{ chatislav.own_flag('is_contained') }},
    {{ chatislav.flag("assistant_messages > 0") }} as is_involved,
    {{ chatislav.flag("assistant_messages > 0 and resolution_status = 'resolved'") }} as is_automated,
    {{ chatislav.flag("user_messages = 1 and resolution_status = 'resolved'") }} as is_one_touch,
    {{ chatislav.own_flag('is_rated') }},
    {{ chatislav.own_flag('is_helpful') }},
    {{ chatislav.own_flag('has_sentiment') }},
    {{ chatislav.own_flag('is_positive') }},
    {{ chatislav.own_flag('is_neutral') }},
    {{ chatislav.own_flag('is_negative') }},
    {{ chatislav.flag("last_role = 'user'") }} as is_abandoned,
    {{ chatislav.flag(
        "weekday > 5 or hour < " ~ business_hours[0] ~ " or hour >= " ~ business_hours[1]
    ) }} as is_after_hours,
    {{ chatislav.own_flag('has_contact') }},
    {{ chatislav.flag("seconds_to_next_contact <= 86400") }} as is_recontacted_24h,
    {{ chatislav.flag("seconds_to_next_contact <= 604800") }} as is_recontacted_7d,
    synced_at
from joined

{{ config(materialized=var('chatislav_materialized', 'view')) }}

select
    message_key,
    conversation_key,
    bot_id,
    session_id,
    message_index,
    message_id,
    channel,
    day,
    created_at,
    role,
    content,
    position,
    turn_number,
    previous_at,
    previous_role,
    {{ chatislav.seconds_between('previous_at', 'created_at') }}
        as seconds_since_previous,
    coalesce(length(content), 0) as characters
from {{ ref('int_chatislav__messages') }}

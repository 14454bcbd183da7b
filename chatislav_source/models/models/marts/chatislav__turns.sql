{{ config(materialized=var('chatislav_materialized', 'view')) }}

select
    message_key as turn_key,
    conversation_key,
    bot_id,
    session_id,
    message_index,
    channel,
    day,
    turn_number,
    created_at as asked_at,
    content as question,
    next_assistant_at as answered_at,
    {{ chatislav.seconds_between('created_at', 'next_assistant_at') }}
        as answer_seconds,
    next_role as answered_by,
    {{ chatislav.flag("next_assistant_at is not null") }} as is_answered,
    {{ chatislav.flag("later_user_messages = 0") }} as is_last_question
from {{ ref('int_chatislav__messages') }}
where role = 'user'

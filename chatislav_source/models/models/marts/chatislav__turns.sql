{{ config(materialized=var('chatislav_materialized', 'view')) }}

select
    messages.message_key as turn_key,
    messages.conversation_key,
    messages.bot_id,
    messages.session_id,
    messages.message_index,
    conversations.channel,
    conversations.day,
    messages.turn_number,
    messages.created_at as asked_at,
    messages.content as question,
    messages.next_assistant_at as answered_at,
    {{ chatislav.seconds_between('messages.created_at', 'messages.next_assistant_at') }}
        as answer_seconds,
    messages.next_role as answered_by,
    {{ chatislav.flag("messages.next_assistant_at is not null") }} as is_answered,
    {{ chatislav.flag("messages.later_user_messages = 0") }} as is_last_question
from {{ ref('int_chatislav__messages') }} as messages
inner join {{ ref('stg_chatislav__conversations') }} as conversations
    on messages.bot_id = conversations.bot_id and messages.session_id = conversations.session_id
where messages.role = 'user'

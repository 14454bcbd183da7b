{{ config(materialized=var('chatislav_materialized', 'view')) }}

select
    messages.message_key,
    messages.conversation_key,
    messages.bot_id,
    messages.session_id,
    messages.message_index,
    messages.message_id,
    conversations.channel,
    conversations.day,
    messages.created_at,
    messages.role,
    messages.content,
    messages.position,
    messages.turn_number,
    messages.previous_at,
    messages.previous_role,
    {{ chatislav.seconds_between('messages.previous_at', 'messages.created_at') }}
        as seconds_since_previous,
    coalesce(length(messages.content), 0) as characters
from {{ ref('int_chatislav__messages') }} as messages
inner join {{ ref('stg_chatislav__conversations') }} as conversations
    on messages.bot_id = conversations.bot_id and messages.session_id = conversations.session_id

select
    {{ chatislav.key(['bot_id', 'session_id', 'message_index']) }} as message_key,
    {{ chatislav.key(['bot_id', 'session_id']) }} as conversation_key,
    bot_id,
    session_id,
    message_index,
    id as message_id,
    created_at,
    coalesce(role, 'unknown') as role,
    content
from {{ source('chatislav', 'conversations__messages') }}

{{ config(materialized=var('chatislav_materialized', 'view')) }}

select
    messages.*,
    -- here, as what makes windows of these rows is faster without their texts
    coalesce(length(messages.content), 0) as characters,
    conversations.day,
    conversations.channel
from {{ ref('stg_chatislav__messages') }} as messages
inner join {{ ref('stg_chatislav__conversations') }} as conversations
    on messages.bot_id = conversations.bot_id and messages.session_id = conversations.session_id

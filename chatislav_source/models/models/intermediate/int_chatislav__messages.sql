{{ config(materialized=var('chatislav_materialized', 'view')) }}

{%- set in_order = chatislav.in_order() %}
{%- set until_now = in_order ~ ' rows between unbounded preceding and current row' %}
{%- set afterwards = in_order ~ ' rows between 1 following and unbounded following' %}

with messages as (

    select
        messages.*,
        conversations.day,
        conversations.channel
    from {{ ref('stg_chatislav__messages') }} as messages
    inner join {{ ref('stg_chatislav__conversations') }} as conversations
        on messages.bot_id = conversations.bot_id and messages.session_id = conversations.session_id

)

select
    message_key,
    conversation_key,
    bot_id,
    session_id,
    day,
    channel,
    message_index,
    message_id,
    created_at,
    role,
    content,
    row_number() over ({{ in_order }}) as position,
    count(case when role = 'user' then 1 end) over ({{ until_now }}) as turn_number,
    lag(created_at) over ({{ in_order }}) as previous_at,
    lag(role) over ({{ in_order }}) as previous_role,
    min(case when role = 'assistant' then created_at end) over ({{ afterwards }}) as next_assistant_at,
    lead(role) over ({{ in_order }}) as next_role,
    count(case when role = 'user' then 1 end) over ({{ afterwards }}) as later_user_messages
from messages

{{ config(materialized=var('chatislav_materialized', 'view')) }}

with asked as (

    select
        messages.bot_id,
        messages.session_id,
        coalesce(conversations.contact_key, messages.session_id) as person,
        {{ chatislav.monday_of('conversations.day') }} as week,
        {{ chatislav.folded('messages.content') }} as content
    from {{ ref('stg_chatislav__messages') }} as messages
    inner join {{ ref('stg_chatislav__conversations') }} as conversations
        on messages.bot_id = conversations.bot_id and messages.session_id = conversations.session_id
    where messages.role = 'user'

),

words as (

    {{ chatislav.words_of('asked', 'content', 'bot_id, session_id, person, week') | indent(4) }}

),

counted as (

    select
        bot_id,
        week,
        word,
        count(*) as uses,
        count(distinct session_id) as conversations,
        count(distinct person) as day_people
    from words
    where
        word not in (
            {% for word in chatislav.stop_words() %}'{{ word }}'{% if not loop.last %}, {% endif %}{% endfor %}
        )
    group by bot_id, week, word

)

select
    {{ chatislav.key(['bot_id', 'week', 'word']) }} as word_key,
    bot_id,
    week,
    word,
    uses,
    conversations,
    day_people
from counted
where conversations >= {{ var('chatislav_min_word_conversations', 3) }}

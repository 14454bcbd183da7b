{#- Expressions that every warehouse writes in the same way. -#}

{#- One text column that identifies a row. -#}
{% macro key(columns) -%}
{% for column in columns %}cast({{ column }} as {{ dbt.type_string() }}){% if not loop.last %} || '|' || {% endif %}{% endfor %}
{%- endmacro %}

{#- 1 where a condition holds, else 0, also where it is unknown: such columns add up. -#}
{% macro flag(condition) -%}
case when {{ condition }} then 1 else 0 end
{%- endmacro %}

{#- The sum of a whole number over rows; 0 without rows. -#}
{% macro total(column) -%}
cast(coalesce(sum({{ column }}), 0) as bigint)
{%- endmacro %}

{#- The window of a conversation's messages in the order in which they were sent.

    A conversation has one day. It is named so that a warehouse applies a filter on days before it
    makes the windows: a month of a million conversations is ten times faster. The session is first,
    as a sort compares the columns in this order. -#}
{% macro in_order() -%}
partition by session_id, day, bot_id
            order by case when created_at is null then 1 else 0 end, created_at, message_index
{%- endmacro %}

{#- The flags that need nothing but the row of a conversation, with their conditions. -#}
{% macro own_flags() %}
{{ return({
    'is_resolved': "resolution_status = 'resolved'",
    'is_unresolved': "resolution_status = 'unresolved'",
    'is_decided': "resolution_status in ('resolved', 'unresolved')",
    'is_taken_over': "human_takeover",
    'is_deflected': "not coalesce(human_takeover, false)",
    'is_contained': "resolution_status = 'resolved' and not coalesce(human_takeover, false)",
    'is_rated': "helpful is not null",
    'is_helpful': "helpful = 1",
    'has_sentiment': "sentiment is not null",
    'is_positive': "sentiment = 'positive'",
    'is_neutral': "sentiment = 'neutral'",
    'is_negative': "sentiment = 'negative'",
    'has_contact': "contact_key is not null",
}) }}
{% endmacro %}
{% macro own_flag(name) -%}
{{ chatislav.flag(chatislav.own_flags()[name]) }} as {{ name }}
{%- endmacro %}

{#- The name of the number of conversations with each flag. -#}
{% macro counts_of_flags() %}
{{ return({
    'is_resolved': 'resolved_conversations',
    'is_unresolved': 'unresolved_conversations',
    'is_decided': 'decided_conversations',
    'is_taken_over': 'taken_over_conversations',
    'is_deflected': 'deflected_conversations',
    'is_contained': 'contained_conversations',
    'is_involved': 'involved_conversations',
    'is_automated': 'automated_conversations',
    'is_one_touch': 'one_touch_conversations',
    'is_rated': 'rated_conversations',
    'is_helpful': 'helpful_conversations',
    'has_sentiment': 'conversations_with_sentiment',
    'is_positive': 'positive_conversations',
    'is_neutral': 'neutral_conversations',
    'is_negative': 'negative_conversations',
    'is_abandoned': 'abandoned_conversations',
    'is_after_hours': 'after_hours_conversations',
    'has_contact': 'conversations_with_contact',
    'is_recontacted_24h': 'recontacted_24h_conversations',
    'is_recontacted_7d': 'recontacted_7d_conversations',
}) }}
{% endmacro %}

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

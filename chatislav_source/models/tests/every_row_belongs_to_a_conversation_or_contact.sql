-- Keys without a partner: rows that a join would lose.
{%- set relationships = [
    ('chatislav__messages', 'conversation_key', 'chatislav__conversations', 'conversation_key'),
    ('chatislav__turns', 'conversation_key', 'chatislav__conversations', 'conversation_key'),
    ('chatislav__turns', 'turn_key', 'chatislav__messages', 'message_key'),
    ('chatislav__contact_days', 'bot_contact_key', 'chatislav__contacts', 'bot_contact_key'),
] %}

{% for child, child_key, parent, parent_key in relationships %}
select '{{ child }}' as model, child.{{ child_key }} as row_key
from {{ ref(child) }} as child
left join {{ ref(parent) }} as parent on child.{{ child_key }} = parent.{{ parent_key }}
where parent.{{ parent_key }} is null
{% if not loop.last %}union all{% endif %}
{% endfor %}

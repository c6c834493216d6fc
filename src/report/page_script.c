/* page_script.c - script of every page: one tooltip for pointer and keyboard, arrow keys from mark to mark of a picture, the
 * filters of items; details are opened for printing. Without it everything can still be read. */
#include "report/page.h"

#include <stddef.h>

/* clang-format off */
const char *const PAGE_SCRIPT[] = {
    "(function(){'use strict';var tip=document.getElementById('tip');\n",
    "function show(e){var t=e.target.closest&&e.target.closest('[data-tip]');if(!t){tip.hidden=true;return}\n",
    "tip.textContent=t.getAttribute('data-tip');tip.hidden=false;var r=t.getBoundingClientRect(),w=tip.offsetWidth,h=tip.offsetHeight;\n",
    "var x=Math.min(Math.max(4,r.left+r.width/2-w/2),innerWidth-w-4),y=r.top-h-6;if(y<4)y=r.bottom+6;\n",
    "tip.style.left=x+'px';tip.style.top=y+'px'}\n",
    "function hide(){tip.hidden=true}\n",
    "document.addEventListener('pointerover',show);document.addEventListener('focusin',show);\n",
    "document.addEventListener('focusout',hide);document.addEventListener('scroll',hide,true);\n",
    "document.addEventListener('keydown',function(e){if(e.key==='Escape')hide();\n",
    "var step={ArrowRight:1,ArrowDown:1,ArrowLeft:-1,ArrowUp:-1}[e.key],svg=e.target.closest&&e.target.closest('svg');if(!step||!svg)return;\n",
    "var all=[].slice.call(svg.querySelectorAll('[data-tip]')),at=all.indexOf(e.target)+step;if(at<0||at>=all.length)return;\n",
    "e.preventDefault();e.target.setAttribute('tabindex','-1');all[at].setAttribute('tabindex','0');all[at].focus()});\n",
    "document.querySelectorAll('.browser').forEach(function(box){var form=box.querySelector('.filters'),items=[].slice.call(box.querySelectorAll('.item')),count=box.querySelector('.count');\n",
    "form.hidden=false;form.addEventListener('submit',function(e){e.preventDefault()});\n",
    "function filter(){var shown=0,wanted=[].slice.call(form.querySelectorAll('select'));items.forEach(function(item){\n",
    "var ok=wanted.every(function(s){return!s.value||(' '+item.getAttribute('data-is')+' ').indexOf(' '+s.value+' ')>=0});item.hidden=!ok;shown+=ok?1:0});\n",
    "count.textContent=shown+' of '+items.length}\n",
    "form.addEventListener('change',filter);filter()});\n",
    "addEventListener('beforeprint',function(){document.querySelectorAll('details:not(.item):not(.prompt)').forEach(function(d){d.open=true})})})();\n",
    NULL,
};

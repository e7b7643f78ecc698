/* Improves only: a copy button beside every text that is worth copying. The words come from the page. */
'use strict'
{
  const announcer = document.getElementById('announcer')
  const say = (text) => {
    announcer.textContent = ''
    // Emptied first, so that copying the same thing twice is announced twice.
    setTimeout(() => (announcer.textContent = text), 50)
  }
  if (announcer && navigator.clipboard) {
    for (const source of document.querySelectorAll('[data-copy]')) {
      const button = document.createElement('button')
      button.type = 'button'
      button.className = 'copy-button'
      button.textContent = announcer.dataset.copy
      button.setAttribute('aria-label', `${announcer.dataset.copy}: ${source.dataset.copy}`)
      button.addEventListener('click', async () => {
        try {
          await navigator.clipboard.writeText(source.textContent.trim())
        } catch {
          const range = document.createRange()
          range.selectNodeContents(source)
          getSelection().removeAllRanges()
          getSelection().addRange(range)
          return say(announcer.dataset.selected)
        }
        say(announcer.dataset.copied)
        button.textContent = announcer.dataset.copied
        setTimeout(() => (button.textContent = announcer.dataset.copy), 2000)
      })
      source.after(button)
    }
  }
}

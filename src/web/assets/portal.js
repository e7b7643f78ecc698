/* Improves only: a copy button beside every text that is worth copying, and a word before an idle session ends. The words come from the page. */
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
      button.textContent = announcer.dataset.wordCopy
      button.setAttribute('aria-label', `${announcer.dataset.wordCopy}: ${source.dataset.copy}`)
      button.addEventListener('click', async () => {
        try {
          await navigator.clipboard.writeText(source.textContent.trim())
        } catch {
          const range = document.createRange()
          range.selectNodeContents(source)
          getSelection().removeAllRanges()
          getSelection().addRange(range)
          return say(announcer.dataset.wordSelected)
        }
        say(announcer.dataset.wordCopied)
        button.textContent = announcer.dataset.wordCopied
        setTimeout(() => (button.textContent = announcer.dataset.wordCopy), 2000)
      })
      source.after(button)
    }
  }
}
{
  const warning = document.getElementById('session-ends')
  // What is typed and not sent is lost with the session; a page without a form has nothing to lose.
  if (warning && document.querySelector('main form[method="post"]')) {
    const minutes = Number(warning.dataset.idleMinutes)
    setTimeout(() => (warning.hidden = false), Math.max(minutes - 5, minutes * 0.75) * 60_000)
  }
}
{
  // Paper has nothing to press: where the style sheet can't unfold for it, this does.
  let opened = []
  if (!CSS.supports('selector(::details-content)')) {
    addEventListener('beforeprint', () => {
      opened = [...document.querySelectorAll('details.fold:not([open])')]
      for (const fold of opened) fold.open = true
    })
    addEventListener('afterprint', () => {
      for (const fold of opened) fold.open = false
    })
  }
}

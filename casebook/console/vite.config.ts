import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [vue()],
  build: {
    outDir: 'dist',
    target: 'es2022',
    // The content security policy allows no data: scripts or styles, and a picture is better cached as a file.
    assetsInlineLimit: 0,
    // The console, and the page for citizens, which carries nothing of the console but Vue.
    rolldownOptions: { input: ['index.html', 'public.html'] },
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:8000' } },
})

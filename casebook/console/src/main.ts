import { createApp } from 'vue'
import App from './App.vue'
import './shell/theme'
import { router } from './shell/screens'
import './styles/base.css'

createApp(App).use(router).mount('#app')

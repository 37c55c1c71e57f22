import type { Component } from 'vue'
import { createRouter, createWebHashHistory, type Router } from 'vue-router'
import type { Role, User } from '../session/session'

/** A screen of the console. Each is a chunk of its own, loaded when it is first opened. */
export interface Screen {
  /** In the address, after #. What follows it (/:caseNo) belongs to the screen. */
  path: string
  title: string
  roles: readonly Role[]
  load: () => Promise<{ default: Component }>
  /** Whose first page it is, where that is not the first of theirs in the navigation. */
  home?: readonly Role[]
  /** Rest of the address, as vue-router writes it. */
  rest?: string
}

/** In the order of the navigation. */
export const SCREENS: readonly Screen[] = [
  { path: '/desk', title: '坐席工作台', roles: ['agent', 'shift_leader'], load: () => import('../desk/DeskPage.vue') },
  {
    path: '/voicemails',
    rest: '/:caseNo?',
    title: '夜间留言',
    roles: ['reviewer', 'shift_leader', 'admin'],
    load: () => import('../voicemails/NightPage.vue'),
  },
  {
    path: '/dispatch',
    rest: '/:caseNo?',
    title: '派单督办',
    roles: ['dispatcher', 'supervisor', 'shift_leader', 'leader'],
    load: () => import('../casework/DispatchPage.vue'),
  },
  {
    path: '/callback-list',
    rest: '/:caseNo?',
    title: '回访',
    roles: ['callback'],
    load: () => import('../casework/CallbackPage.vue'),
  },
  {
    path: '/orders',
    rest: '/:caseNo?',
    title: '我的工单',
    roles: ['liaison', 'deputy'],
    load: () => import('../casework/OrdersPage.vue'),
  },
  {
    path: '/cases',
    rest: '/:caseNo?',
    title: '案件',
    roles: [
      'agent', 'shift_leader', 'operator', 'reviewer', 'dispatcher', 'supervisor', 'callback', 'liaison', 'deputy', 'leader', 'bureau', 'admin',
    ],
    load: () => import('../casework/CasesPage.vue'),
  },
  {
    path: '/admin',
    rest: '/:section?',
    title: '管理',
    roles: ['admin', 'shift_leader'],
    load: () => import('../admin/AdminPage.vue'),
  },
  {
    path: '/leader',
    title: '市情一页',
    roles: ['leader', 'supervisor', 'dispatcher', 'shift_leader', 'admin'],
    home: ['leader'],
    load: () => import('../boards/LeaderPage.vue'),
  },
  {
    path: '/bureau',
    title: '监察考核',
    roles: ['bureau', 'leader', 'supervisor'],
    home: ['bureau'],
    load: () => import('../boards/BureauPage.vue'),
  },
  {
    path: '/statistics',
    title: '统计',
    roles: ['leader', 'bureau', 'supervisor', 'dispatcher', 'shift_leader', 'admin', 'liaison', 'deputy'],
    load: () => import('../boards/StatisticsPage.vue'),
  },
  {
    path: '/wallboard',
    title: '话务大屏',
    roles: ['shift_leader', 'supervisor', 'dispatcher', 'leader', 'bureau', 'admin', 'agent', 'reviewer'],
    load: () => import('../boards/WallboardPage.vue'),
  },
]

/** Everybody's own; behind the name in the header. */
const ACCOUNT = { path: '/account', component: () => import('../session/AccountPage.vue') }

/** The screens of a person. */
export function screensOf(user: User): readonly Screen[] {
  return SCREENS.filter((screen) => screen.roles.includes(user.role))
}

/** Where a person begins. */
export function homeOf(user: User): Screen | undefined {
  const screens = screensOf(user)
  return screens.find((screen) => screen.home?.includes(user.role)) ?? screens[0]
}

/** The addresses (#/voicemails/LYG...), so that a reload and a link come back to what was open. */
export const router: Router = createRouter({
  history: createWebHashHistory(),
  routes: [
    ...SCREENS.map((screen) => ({
      path: screen.path + (screen.rest ?? ''),
      name: screen.path,
      component: screen.load,
      meta: { screen },
    })),
    ACCOUNT,
    { path: '/:unknown(.*)*', name: 'home', component: () => import('./HomePage.vue') },
  ],
})
